package cli

import (
	"github.com/spf13/cobra"

	"sock/endpoint"
	"sock/service"
)

func (a *app) echoCommand() *cobra.Command {
	var own *endpointFlags
	cmd := &cobra.Command{
		Use:   "echo ENDPOINT [flags]",
		Short: "sends every client back what it says",
		Long: `Serves the service echo (RFC 862) on one endpoint: short for the service line
"ENDPOINT echo" (sock help services). It goes on until it is interrupted.`,
		Example: `  sock echo 7007
  sock echo tcp://127.0.0.1:7007 --model serial
  sock echo 'udp://:7007?idle=10s'
  sock echo tls://localhost:7008 --trace`,
		Args:              a.between(1, 1, "endpoint"),
		ValidArgsFunction: completeEndpoint(endpoint.ForListen),
		RunE: func(cmd *cobra.Command, args []string) error {
			ep, err := a.endpoint(cmd, args[0], own)
			if err != nil {
				return err
			}
			return a.serveOne(cmd, service.Line{Endpoint: ep, Name: "echo"})
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	a.commonFlags(flags)
	a.readyFlag(flags)
	own = newEndpointFlags(cmd, endpoint.ForListen)
	return cmd
}
