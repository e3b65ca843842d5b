package up

import (
	"slices"
	"testing"

	"sock/endpoint"
	"sock/service"
)

func TestDemo(t *testing.T) {
	lines := Demo()
	if err := service.Check(lines); err != nil {
		t.Error(err)
	}
	var shown []string
	for _, l := range lines {
		if l.Endpoint.Host != "localhost" {
			t.Errorf("%s is not on loopback", l)
		}
		if len(Try(l.Endpoint)) == 0 || l.Service().Doc == "" {
			t.Errorf("%s: nothing to show", l)
		}
		shown = append(shown, l.Name)
	}
	for _, name := range service.Names() {
		if !slices.Contains(shown, name) {
			t.Errorf("%s is not shown", name)
		}
	}
}

func TestTry(t *testing.T) {
	for _, tt := range []struct {
		endpoint string
		want     []string
	}{
		{"tcp://127.0.0.1:65432?nodelay", []string{"sock connect tcp://127.0.0.1:65432", "nc 127.0.0.1 65432"}},
		{"tcp://:7", []string{"sock connect tcp://127.0.0.1:7", "nc 127.0.0.1 7"}},
		{"tcp://[::1]:7", []string{"sock connect tcp://[::1]:7", "nc ::1 7"}},
		{"udp://127.0.0.1:7", []string{"sock connect udp://127.0.0.1:7", "nc -u 127.0.0.1 7"}},
		{"tls://localhost:7", []string{"sock connect 'tls://localhost:7?insecure'", "openssl s_client -quiet -connect localhost:7"}},
		{"unix:///run/x", []string{"sock connect unix:///run/x", "nc -U /run/x"}},
		{"unix://@x", []string{"sock connect unix://@x"}},
		{"fd://3", nil},
	} {
		e, err := endpoint.Parse(tt.endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if got := Try(e); !slices.Equal(got, tt.want) {
			t.Errorf("Try(%s) = %q, want %q", tt.endpoint, got, tt.want)
		}
	}
}
