package main

import (
	_ "embed"
	"strings"
)

//go:embed bench.sql
var file string

// statement is the one under "-- name:" in bench.sql.
func statement(name string) string {
	_, rest, ok := strings.Cut(file, "-- name: "+name+"\n")
	if !ok {
		panic("bench.sql has no statement " + name)
	}
	text, _, _ := strings.Cut(rest, "-- name: ")
	return strings.TrimSpace(text)
}
