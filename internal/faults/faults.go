// Package faults puts keys before what is wrong with a configuration. It imports nothing of ours.
package faults

import (
	"errors"
	"fmt"
)

// Under puts a prefix, as in "rollup.", before every error that err joins; nil if err is.
func Under(prefix string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) // not errors.As: a wrapped list has a prefix of its own
	if !ok {
		return fmt.Errorf("%s%w", prefix, err)
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, Under(prefix, e))
	}
	return errors.Join(out...)
}
