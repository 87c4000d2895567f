package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

func newKeys() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "API keys of the collector: create, list, revoke"}
	c.AddCommand(newKeysCreate(), newKeysList(), newKeysRevoke())
	return c
}

// keysFileFlag adds --file, whose default is the configuration's collector.auth.keys_file.
func keysFileFlag(c *cobra.Command) func() (string, error) {
	path := c.Flags().String("file", "", "keys file (default: collector.auth.keys_file of the configuration)")
	from := c.Flags().String("config", os.Getenv("TOLLKEEPER_CONFIG"), "configuration file (YAML); also TOLLKEEPER_CONFIG")
	return func() (string, error) {
		if *path != "" {
			return *path, nil
		}
		cfg, err := config.Load(*from, os.LookupEnv) // may be faulty: the first key makes the file that it names
		file := cfg.Collector.Auth.KeysFile
		if file == "" {
			err = errors.Join(errors.New("no keys file: say --file keys.yaml, or set collector.auth.keys_file and say --config"), err)
			return "", &usageError{c.CommandPath(), err}
		}
		return file, nil
	}
}

// author is who does it, for the record.
func author() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func newKeysCreate() *cobra.Command {
	c := &cobra.Command{
		Use: "create TENANT", Short: "Make a key for a tenant; it is printed once and not stored", Args: cobra.ExactArgs(1),
		Long: `Makes an API key and writes its SHA-256 into the keys file, which a running collector reads again within
seconds. The key is printed on standard output, once; nobody can show it again.`,
		Example: `  tollkeeper keys create acme --file keys.yaml --note "checkout service"
  tollkeeper keys create edge --gateway --expires 2027-11-30   # may name other tenants`,
	}
	file := keysFileFlag(c)
	k := tenantauth.Key{}
	c.Flags().StringVar(&k.Note, "note", "", "what the key is for")
	c.Flags().StringVar(&k.Author, "author", author(), "who makes it")
	c.Flags().BoolVar(&k.Claims, "gateway", false, "its holder may name other tenants by header, attribute or mapping")
	expires := c.Flags().String("expires", "", "day or moment in UTC from which it is refused")
	c.RunE = func(c *cobra.Command, args []string) error {
		path, err := file()
		if err != nil {
			return err
		}
		k.Tenant, k.Created = args[0], time.Now().UTC().Truncate(time.Second)
		if k.Expires, err = moment("expires", *expires); err != nil {
			return &usageError{c.CommandPath(), err}
		}
		secret, stored, err := tenantauth.Create(path, k)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), secret)
		fmt.Fprintf(c.ErrOrStderr(), "key %s of tenant %s is in %s; the line above is the key, and it is shown this once\n", stored.ID, stored.Tenant, path)
		return nil
	}
	return c
}

func newKeysList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "The keys, without the keys: id, tenant, state, who made it", Args: cobra.NoArgs,
		Example: "  tollkeeper keys list --file keys.yaml"}
	file := keysFileFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per key")
	c.RunE = func(c *cobra.Command, _ []string) error {
		path, err := file()
		if err != nil {
			return err
		}
		keys, err := tenantauth.Read(path)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(c.OutOrStdout(), keys)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tTENANT\tSTATE\tGATEWAY\tCREATED\tAUTHOR\tNOTE")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%t\t%s\t%s\t%s\n", k.ID, k.Tenant, k.State(time.Now()), k.Claims, k.Created.Format(time.DateOnly), k.Author, k.Note)
		}
		return w.Flush()
	}
	return c
}

func newKeysRevoke() *cobra.Command {
	c := &cobra.Command{Use: "revoke ID", Short: "Refuse a key from the collector's next reload on (5 s)", Args: cobra.ExactArgs(1),
		Example: "  tollkeeper keys revoke 5d1f0c3a --file keys.yaml"}
	file := keysFileFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		path, err := file()
		if err != nil {
			return err
		}
		k, err := tenantauth.Revoke(path, args[0], time.Now().UTC().Truncate(time.Second))
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "key %s of tenant %s is revoked\n", k.ID, k.Tenant)
		return nil
	}
	return c
}
