//go:build !testall

package books

// scriptSteps is how long the script of TestBooksByAScript is; testall has a longer one.
const scriptSteps = 7
