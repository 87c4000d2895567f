package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// refusal is what kind of no a server's answer to an insert is, and so what to do.
type refusal int

const (
	refusalPasses   refusal = iota // network, merges behind, disk full, unknown: wait and try the same again
	refusalMemory                  // wait and try smaller inserts
	refusalDays                    // too many days in one insert: an insert for each
	refusalOfRow                   // a value that the table doesn't take: find the row, set it aside
	refusalOfSchema                // the table isn't what this program writes: nothing of it can be stored until someone acts
)

// ClickHouse's codes, https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp (read November 2026). A
// code that isn't listed passes: a wrong guess there would set good rows aside.
const (
	codeMemoryLimit  = "241"
	codeTooManyParts = "252" // of partitions in one insert, and of parts when merges are behind
	tooManyDays      = "Too many partitions for single INSERT block"
)

var (
	codesOfRow = []string{
		"6", "38", "41", "69", "70", "72", // can't parse or convert, out of bounds
		"131", "321", "349", "407", "469", "691", // string too large, out of range, NULL, decimal overflow, constraint, enum
	}
	codesOfSchema = []string{
		"8", "10", "16", "20", "44", "47", "50", "53", // columns and their types
		"60", "81", // table, database
		"192", "193", "194", "497", "516", // user, password, rights
	}
)

// divides tells whether an insert that is refused so has to be done in parts.
func (r refusal) divides() bool { return r == refusalMemory || r == refusalDays || r == refusalOfRow }

func refusalOf(err error) refusal {
	var e *serverError
	if !errors.As(err, &e) {
		return refusalPasses
	}
	switch {
	case e.code == codeMemoryLimit:
		return refusalMemory
	case e.code == codeTooManyParts && strings.Contains(e.text, tooManyDays):
		return refusalDays
	case slices.Contains(codesOfRow, e.code):
		return refusalOfRow
	case slices.Contains(codesOfSchema, e.code):
		return refusalOfSchema
	}
	return refusalPasses
}

// errSchema tells people what to do about a refusalOfSchema.
var errSchema = errors.New("the table is not what this version writes, or may not be written; halted, nothing is lost: " +
	"run `tollkeeper schema diff` and `apply`, or give the user its rights, and it goes on by itself")

// explained adds the remedy to an error that only people can end.
func explained(err error) error {
	if refusalOf(err) == refusalOfSchema {
		return fmt.Errorf("%w: %w", errSchema, err)
	}
	return err
}

// divide changes the inserts that are still to do so that the next attempt gets further. It returns true if that attempt
// is worth making at once. Inserts that are done stay: their candidates come later.
func (b *callBatch) divide(err error) (atOnce bool) {
	switch refusalOf(err) {
	case refusalMemory:
		var smaller [][]decoded
		for _, g := range b.groups[b.done:] {
			smaller = append(smaller, halves(g)...)
		}
		b.groups = append(b.groups[:b.done:b.done], smaller...)
	case refusalDays:
		var smaller [][]decoded
		for _, g := range b.groups[b.done:] {
			smaller = append(smaller, groupDays(g, maxDays+1, 1)...)
		}
		atOnce = len(smaller) > len(b.groups)-b.done
		b.groups = append(b.groups[:b.done:b.done], smaller...)
	case refusalOfRow:
		refused := b.groups[b.done]
		if len(refused) == 1 {
			b.setAside(&refused[0], err)
			b.groups[b.done] = nil
			return true
		}
		rest := b.groups[b.done+1:]
		b.groups = append(append(b.groups[:b.done:b.done], halves(refused)...), rest...)
		return true
	}
	return atOnce
}

func halves(g []decoded) [][]decoded {
	if len(g) < 2 {
		return [][]decoded{g}
	}
	return [][]decoded{g[:len(g)/2], g[len(g)/2:]}
}

// setAside makes a dead letter of a call, and takes the call out of what its range is said to hold.
func (b *callBatch) setAside(d *decoded, err error) {
	value := ledger.AppendBatch(nil, []ledger.Call{d.call})
	b.late = append(b.late, deadLetter{d.from, d.partition, value, d.index, ReasonRefusedRow, err})
	for i := range b.ranges {
		r := &b.ranges[i]
		if r.kind == kindRange && r.partition == d.partition && r.first <= d.from.offset && d.from.offset < r.next {
			r.rows--
			r.cost = r.cost.Sub(ledger.SumOf(d.call.TotalCost()))
			return
		}
	}
}
