//go:build !testall

package settle

// larger are variants that testall searches, too: they find nothing that the others don't.
var larger []variant
