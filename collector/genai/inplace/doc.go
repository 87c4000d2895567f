// Package inplace reads a span's attributes where pdata keeps them, appends to them, and writes spans as OTLP. pdata's own functions hand out one attribute at a
// time by a call, search all keys before each put and allocate each value by itself: more than a third of what tagging a call cost
// (docs/adr/0042-attributes-where-pdata-keeps-them.md). It is the only package that knows how pdata keeps attributes in memory. It compares that with pdata's types when the program
// starts; where a pdata is built in that keeps them otherwise, the same is done by pdata's functions.
package inplace
