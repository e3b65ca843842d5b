package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"sock/endpoint"
	"sock/internal/syntax"
	"sock/service"
	"sock/socket"
)

// shells are those whose completion can be written.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash | zsh | fish | powershell",
		Short: "prints a script that completes sock's words in a shell",
		Example: `  source <(sock completion bash)                       # this shell only
  sock completion bash > /etc/bash_completion.d/sock   # every new one
  sock completion zsh > "${fpath[1]}/_sock"
  sock completion fish > ~/.config/fish/completions/sock.fish`,
		Args:      a.between(1, 1, "shell ("+strings.Join(shells, ", ")+")"),
		ValidArgs: shells,
		RunE:      func(cmd *cobra.Command, args []string) error { return a.completion(cmd, args[0]) },
	}
}

func (a *app) completion(cmd *cobra.Command, shell string) error {
	root := cmd.Root()
	root.Use = "sock" // the name, without the summary of the arguments
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(a.stdout, true)
	case "zsh":
		return root.GenZshCompletion(a.stdout)
	case "fish":
		return root.GenFishCompletion(a.stdout, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(a.stdout)
	}
	return a.argumentError(cmd, a.lastIndex(shell), "no completion for "+quoted(shell)+": there are "+strings.Join(shells, ", "), syntax.Nearest(shell, shells))
}

// completeEndpoint offers what may follow in an endpoint: the schemes, and
// after the '?' every option that has a meaning there.
func completeEndpoint(where endpoint.Where) cobra.CompletionFunc {
	const open = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	return func(_ *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if mark := strings.LastIndexAny(text, "?&"); mark >= 0 {
			return optionWords(text[:mark+1], where), open
		}
		if strings.Contains(text, "/") && !strings.Contains(text, "://") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var words []string
		for _, s := range endpoint.Schemes() {
			words = append(words, s.Name+"://\t"+s.Doc)
		}
		return words, open
	}
}

func optionWords(prefix string, where endpoint.Where) []string {
	var words []string
	for _, o := range endpoint.OwnOptions() {
		if o.Where&where != 0 {
			words = append(words, prefix+o.Name+"\t"+o.Doc)
		}
	}
	for _, o := range socket.Options() {
		words = append(words, prefix+o.Name+"\t"+o.Doc)
	}
	return words
}

// completeLine offers the words of a service line given as one argument.
func completeLine(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	space := strings.LastIndexByte(text, ' ')
	if space < 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var words []string
	for _, s := range service.All() {
		words = append(words, text[:space+1]+s.Name+"\t"+s.Doc)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
