package app_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// TestMain becomes the engine where the product started it as such. When all is stopped, nothing of it may be left.
func TestMain(m *testing.M) {
	clickhouse.RunChildIfAsked()
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the product:", err)
		code = max(code, 1)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
