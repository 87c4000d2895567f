//go:build !testall

package books

// scriptSteps is how long the script is; testall has a longer one.
const scriptSteps = 7
