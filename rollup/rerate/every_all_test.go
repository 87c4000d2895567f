//go:build testall

package rerate

const everyStep = 1
