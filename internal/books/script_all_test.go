//go:build testall

package books

import "testing"

func TestBooksByALongScript(t *testing.T) { script(t, 25) }
