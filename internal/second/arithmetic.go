package second

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// Total is one usage and what genai-prices makes of it, beside what the book does.
type Total struct {
	Call   ledger.Call // as the book rates it
	Theirs ledger.Sum
	Known  bool // the book has the model; else the usage is nobody's to compare
}

// columns of usages.tsv between the time and the total.
var columns = []ledger.Bucket{
	ledger.FreshInput, ledger.CacheRead, ledger.CacheWrite5m, ledger.CacheWrite1h, ledger.AudioInput, ledger.TextOutput, ledger.AudioOutput,
}

// Totals rates every usage of usages.tsv.
func Totals(book *pricing.Book, usages []byte) ([]Total, error) {
	var out []Total
	n := 0
	for line := range bytes.Lines(usages) {
		n++
		text := strings.TrimRight(string(line), "\n")
		if strings.HasPrefix(text, "#") {
			continue
		}
		t, err := total(strings.Split(text, "\t"))
		if err != nil {
			return nil, fmt.Errorf("usages.tsv, line %d: %w", n, err)
		}
		if t.Known = len(book.Resolve(t.Call.Provider, t.Call.Model)) == 1; t.Known {
			book.Rate(&t.Call)
		}
		out = append(out, t)
	}
	return out, nil
}

func total(cells []string) (Total, error) {
	if len(cells) != 4+len(columns)+2 {
		return Total{}, fmt.Errorf("%d columns", len(cells))
	}
	t := Total{Call: ledger.Call{Provider: cells[0], Model: cells[1], ServiceTier: cells[2]}}
	counts := make([]int64, len(cells)-4)
	for i, c := range cells[3 : len(cells)-1] {
		var err error
		if counts[i], err = strconv.ParseInt(c, 10, 64); err != nil {
			return t, err
		}
	}
	t.Call.Start = counts[0] * 1_000_000_000
	for i, b := range columns {
		t.Call.Usage.Tokens[b] = counts[i+1]
	}
	t.Call.Usage.Units[ledger.UnitSearch] = counts[len(columns)+1]
	var err error
	t.Theirs, err = ledger.ParseSum(cells[len(cells)-1])
	return t, err
}

// Compared reports whether both sides have a price for the usage.
func (t *Total) Compared() bool { return t.Known && t.Call.Unpriced == "" }

// Equal reports whether the totals differ by no more than the book's rounding: half of 10⁻¹² USD for each bucket used.
func (t *Total) Equal() bool {
	used := int64(0)
	for _, n := range append(append([]int64{}, t.Call.Usage.Tokens[:]...), t.Call.Usage.Units[:]...) {
		if n != 0 {
			used++
		}
	}
	diff := ledger.SumOf(t.Call.TotalCost()).Sub(t.Theirs)
	if diff.Sign() < 0 {
		diff = diff.Neg()
	}
	return diff.Cmp(ledger.SumOf(ledger.Money((used+1)/2))) <= 0
}

// Key names a usage's model and tier in the list of disagreements.
func (t *Total) Key() string { return t.Call.Provider + " " + t.Call.Model + " " + t.Call.ServiceTier }
