package accuracy

import (
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// The verdicts on a recording.
const (
	Equal     = "equal"
	Told      = "told"
	Different = "different"
)

// Row is one recording, judged.
type Row struct {
	Name     string // emitter/case, as the files are named
	Emitter  string
	Provider string
	Case     string

	Billed  ledger.Sum // by the model server
	Ours    ledger.Sum // all calls that stand after settlement
	AtLeast ledger.Sum // what was surely spent: pricing.Book.AtLeast of the calls that aren't candidates of settlement

	Verdict string
	Reasons []string       // why Ours may not be what was billed: unpriced reasons and names of flags, each once
	Calls   []ledger.Call  // those that stand
	GaveWay []ledger.Call  // reports of a call that another report stands for
	Why     map[string]int // their reasons
}

// whyFlags are the flags by which a call says that its amount may not be the bill's.
const whyFlags = ledger.FlagsUntold | ledger.FlagsDoubt | ledger.FlagCandidate

// Judge holds the calls that were read from a recording, rated by the book, against its bill.
func Judge(book *pricing.Book, rec *replay.Recording, calls []ledger.Call) Row {
	calls, gaveWay, why := settled(book, calls)
	r := Row{Name: rec.Name, Emitter: rec.Emitter, Provider: rec.Provider, Case: rec.Case, Billed: rec.Total(), Calls: calls, GaveWay: gaveWay, Why: why}
	for i := range calls {
		c := &calls[i]
		r.Ours = r.Ours.AddMoney(c.TotalCost())
		if c.Flags&ledger.FlagCandidate == 0 {
			r.AtLeast = r.AtLeast.AddMoney(book.AtLeast(c))
		}
		for _, why := range strings.Split(c.Unpriced+","+(c.Flags&whyFlags).String(), ",") {
			if why != "" && !slices.Contains(r.Reasons, why) {
				r.Reasons = append(r.Reasons, why)
			}
		}
	}
	switch {
	case r.AtLeast.Cmp(r.Billed) > 0:
		r.Verdict = Different
	case r.Ours == r.Billed:
		r.Verdict = Equal
	case r.explained():
		r.Verdict = Told
	default:
		r.Verdict = Different
	}
	return r
}

// explained reports whether what the calls say of themselves can be why Ours isn't what was billed. That calls are candidates
// of settlement explains only that one was told twice: then some of them add up to the bill, to 10⁻¹² USD.
func (r *Row) explained() bool {
	sums := map[ledger.Sum]bool{{}: true}
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.Unpriced != "" || c.Flags&(whyFlags&^ledger.FlagCandidate) != 0 {
			return true
		}
		with := map[ledger.Sum]bool{}
		for s := range sums {
			with[s.AddMoney(c.TotalCost())] = true
			if c.Flags&ledger.FlagCandidate != 0 {
				with[s] = true
			}
		}
		sums = with
	}
	return sums[r.Billed]
}
