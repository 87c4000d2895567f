// Package screen draws the demo: on a terminal a frame of 80×24 that is redrawn in place and whose last state stays, and
// plain lines everywhere else.
//
// It owns layout and terminal codes. It computes no amount and knows nothing of the product: what it draws comes in as a
// Frame, lines go out to a writer. Floats appear only as heights of bars.
package screen
