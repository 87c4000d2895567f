package viewer

import (
	"errors"
	"fmt"
	"net"
)

// Config is where the viewer listens and who may look.
type Config struct {
	Listen string   `yaml:"listen"` // host:port; empty: no viewer
	Token  string   `yaml:"token"`  // asked for where it is set; needed beyond loopback. Give it as ${env:NAME}
	Hosts  []string `yaml:"hosts"`  // names under which browsers may reach it, beside loopback's and the listener's own
}

// DefaultConfig listens on loopback, without a token.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8480"} }

// shortestToken is the least length of a token, in bytes.
const shortestToken = 16

// Validate reports every bad value.
func (c Config) Validate() error {
	if c.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: want host:port, for example 127.0.0.1:8480 (empty: no viewer)", c.Listen)
	}
	var problems []error
	if !loopback(host) && c.Token == "" {
		problems = append(problems, fmt.Errorf("listen %q: beyond loopback the viewer needs viewer.token: it shows all tenants' spend", c.Listen))
	}
	if c.Token != "" && len(c.Token) < shortestToken {
		problems = append(problems, fmt.Errorf("token: shorter than %d bytes; make one with: openssl rand -hex 16", shortestToken))
	}
	return errors.Join(problems...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
