package telemetry

import (
	"net/url"
	"strings"
)

// ErrorText is what logs and commands say of an error. Of an address that could not be reached it keeps scheme and host: what comes
// after them is long where it is a query's parameters, and may be a secret where it is a webhook's.
func ErrorText(err error) string {
	text := err.Error()
	for _, address := range addresses(err) {
		if u, bad := url.Parse(address); bad == nil && u.Host != "" {
			text = strings.ReplaceAll(text, address, u.Scheme+"://"+u.Host)
		}
	}
	return text
}

// addresses are the URLs that an error and all that it wraps name.
func addresses(err error) []string {
	var out []string
	if u, ok := err.(*url.Error); ok {
		out = append(out, u.URL)
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			out = append(out, addresses(one)...)
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			out = append(out, addresses(inner)...)
		}
	}
	return out
}
