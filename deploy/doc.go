// Package deploy holds no code: files to run Tollkeeper with other systems, and the tests that keep them true.
package deploy
