package up_test

import (
	"slices"
	"testing"

	"sock/endpoint"
	"sock/engine"
)

// The names of the models and backends stand in two packages, which do not know
// each other: the grammar takes exactly what the engine serves.
func TestGrammarAndEngineKnowTheSameModels(t *testing.T) {
	var served []string
	for _, m := range engine.Models() {
		served = append(served, string(m))
	}
	taken := endpoint.Models()
	slices.Sort(served)
	slices.Sort(taken)
	if !slices.Equal(served, taken) {
		t.Errorf("the engine serves the models %q, the grammar takes %q", served, taken)
	}
	for _, b := range []engine.Backend{engine.Auto, engine.Uring, engine.Epoll} {
		if _, err := endpoint.Parse("tcp://127.0.0.1:0?backend=" + string(b)); err != nil {
			t.Errorf("the grammar refuses the backend %q: %v", b, err)
		}
	}
}
