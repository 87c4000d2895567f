//go:build testall

package books

const scriptSteps = 25
