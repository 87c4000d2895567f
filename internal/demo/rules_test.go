package demo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/gateway"
)

func TestRulesAreAValidConfiguration(t *testing.T) {
	c := Rules("http://127.0.0.1:8080/hooks/throttle", []string{gateway.NewSecret()})
	c.ClickHouse = "http://127.0.0.1:8123/tollkeeper"
	require.NoError(t, c.Validate())
}
