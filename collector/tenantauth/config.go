package tenantauth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config of the authenticator.
type Config struct {
	// KeysFile holds the SHA-256 sums of the keys; `tollkeeper keys` writes it.
	KeysFile string `mapstructure:"keys_file" yaml:"keys_file"`
	// Required refuses a request without a key. False takes it as nobody's; a wrong key is refused all the same.
	Required bool `mapstructure:"required" yaml:"required"`
	// Headers are where a key may stand, plain or after "Bearer ".
	Headers []string `mapstructure:"headers" yaml:"headers"`
	// Reload is how often the file is looked at; a bad file keeps the old keys.
	Reload time.Duration `mapstructure:"reload" yaml:"reload"`
}

// DefaultConfig requires a key in one of the two usual headers.
func DefaultConfig() *Config {
	return &Config{Required: true, Headers: []string{"authorization", "x-api-key"}, Reload: 5 * time.Second}
}

// Validate reports every fault at once. An empty keys file is a fault here; the distribution leaves the extension out then.
func (c *Config) Validate() error {
	var faults []error
	if c.KeysFile == "" {
		faults = append(faults, errors.New("keys_file: none; make one with `tollkeeper keys create TENANT --file keys.yaml`"))
	} else if _, err := Read(c.KeysFile); err != nil {
		faults = append(faults, fmt.Errorf("keys_file: %w", err))
	}
	if len(c.Headers) == 0 {
		faults = append(faults, errors.New("headers: none; use authorization"))
	}
	for _, h := range c.Headers {
		if h == "" || strings.ContainsAny(h, " :\t\r\n") {
			faults = append(faults, fmt.Errorf("headers: %q is no name of a header; use authorization", h))
		}
	}
	if c.Reload < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("reload: %s is less than 100ms; use 5s", c.Reload))
	}
	return errors.Join(faults...)
}
