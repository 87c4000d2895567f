//go:build !testall

package settle

// larger are variants that TestModelOfTheDesignedOrder searches with testall, too: they find nothing that the others don't.
var larger []variant
