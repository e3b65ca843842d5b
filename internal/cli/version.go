package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the version of the command; a release sets it with
// -ldflags '-X sock/internal/cli.Version=v1.2.3'.
var Version = ""

// versionResult is what `sock version --json` prints.
type versionResult struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "version [flags]",
		Short:             "prints the version, and what it was built with",
		Args:              a.between(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.version(build()) },
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "the result as JSON")
	return cmd
}

func (a *app) version(v versionResult) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(v)
	}
	line := fmt.Sprintf("sock %s %s %s", v.Version, v.Go, v.Platform)
	if v.Revision != "" {
		line += fmt.Sprintf(" (%.12s", v.Revision)
		if v.Modified {
			line += ", modified"
		}
		line += ")"
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// build reads what the linker wrote into this binary.
func build() versionResult {
	v := versionResult{Version: Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v.orDevel()
	}
	if v.Version == "" && info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v.orDevel()
}

func (v versionResult) orDevel() versionResult {
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}
