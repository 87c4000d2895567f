package main

import (
	_ "embed"
	"strings"
)

//go:embed data.sql
var file string

// statement is the one under "-- name:" in data.sql.
func statement(name string) string {
	_, rest, ok := strings.Cut(file, "-- name: "+name+"\n")
	if !ok {
		panic("data.sql has no statement " + name)
	}
	text, _, _ := strings.Cut(rest, "-- name: ")
	return strings.TrimSpace(text)
}
