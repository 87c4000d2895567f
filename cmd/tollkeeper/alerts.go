package main

import (
	"fmt"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
)

// newAlerts is the role, with what people do about alerts.
func newAlerts() *cobra.Command {
	c := newRole("alerts")
	c.AddCommand(newAlertsList(), newAlertsShow(), newAlertsRelease(), newAlertsSilence(), newAlertsWindows(), newAlertsUnsilence(),
		newAlertsSendTest(), newAlertsDeadLetters(), newAlertsLabel(), newAlertsReview(), newAlertsTest(), newAlertsUnit())
	return c
}

func newAlertsRelease() *cobra.Command {
	c := &cobra.Command{
		Use:   "release TENANT",
		Short: "Lift a tenant's throttle by hand, until the alerts that fire now are over",
		Long: `Sends the gateway a release for the tenant and writes down who did it and why. A running
alerts role leaves the tenant alone until the alerts that fire now are over. Works without that role.`,
		Example: `  tollkeeper alerts release acme --reason "agreed with the customer" --config toll.yaml`,
		Args:    cobra.ExactArgs(1),
	}
	load := configFlag(c)
	reason := c.Flags().String("reason", "", "why; kept with the release")
	author := c.Flags().String("author", loginName(), "who; kept with the release")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		ack, err := app.ReleaseThrottle(c.Context(), cfg, args[0], *author, *reason)
		if err != nil {
			return err
		}
		held := "the gateway took the release and doesn't tell what it holds; see that the tenant's calls are answered"
		if ack.State.Sequence > 0 {
			held = fmt.Sprintf("the gateway holds sequence %d, level %s", ack.State.Sequence, ack.State.Level)
		}
		fmt.Fprintf(c.OutOrStdout(), "%s is released: %s\n", args[0], held)
		return nil
	}
	return c
}

// loginName is the name of the user who runs the command, empty if it isn't known.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
