package explain

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

var sources = map[string]string{
	ledger.TenantFromAuth: "an authenticated identity", ledger.TenantFromHeader: "a header of a trusted listener",
	ledger.TenantFromResource: "a resource attribute, claimed by the sender", ledger.TenantFromSpan: "a span attribute, claimed by the sender",
	ledger.TenantFromMapping: "a mapping rule", ledger.TenantFromDefault: "the listener's default", ledger.TenantFromNowhere: "nobody: unattributed",
}

var reasons = map[string]string{
	"copy": "the same span, stored under another minute", "response_id": "it tells of the same provider response",
	"parent": "parent and child of one request", "inside": "the only one that ran inside the other, with the same usage",
	"retries": "it sums up attempts that are calls of their own", "explained": "its calls tell all that it used",
	"unseen_leaf": "a call of its own bills what its calls don't tell", "replaced": "another decision about what its aggregate's calls don't tell",
}

// WriteText explains reports to a person, each with the sum behind its amount.
func WriteText(out io.Writer, reports []Report, book *pricing.Book) error {
	for i := range reports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := reports[i].write(out, book); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) write(out io.Writer, book *pricing.Book) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("report", "%s at %s, %d ms", r.Ref, r.Start.Format(time.RFC3339Nano), r.DurationMS)
	line("pays", "%s, by %s", r.Tenant, or(sources[r.TenantSource], r.TenantSource))
	line("told by", "%s; rule %s; %s, rank %d", or(r.Emitter, "unknown"), r.Rule, r.Role, r.Rank)
	line("request", "%s", r.request())
	line("span says", "%s", or(numbers(r.Raw), "no counts"))
	line("read as", "%s (disjoint)", or(numbers(r.Usage), "no usage"))
	if r.Provided != "" {
		line("its cost", "%s USD, by the emitter", r.Provided)
	}
	if r.Flags != "" {
		line("flags", "%s", strings.ReplaceAll(r.Flags, ",", ", "))
	}
	switch {
	case r.GaveWayTo != nil:
		line("counts", "no: gave way to %s: %s", r.GaveWayTo, or(reasons[r.Reason], r.Reason))
	case len(r.StandsFor) > 0:
		var others []string
		for _, o := range r.StandsFor {
			others = append(others, o.String())
		}
		line("counts", "yes, and stands for %s", strings.Join(others, ", "))
	case r.Role == "aggregate":
		line("counts", "not yet: provisional until a minute after its end")
	default:
		line("counts", "yes")
	}
	if r.Unpriced != "" {
		line("unpriced", "%s: its cost is not known, which is not zero", r.Unpriced)
	} else {
		line("cost", "%s USD%s", r.Total, r.sumOfParts())
		line("price", "%s, price book %s", or(r.PriceEntry, "none: refused by the provider"), or(r.PriceVersion, "unknown"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	x, same := r.Price(book)
	switch {
	case same && len(x.Lines) > 0:
		fmt.Fprintln(out)
		return x.WriteText(out)
	case !same && r.PriceEntry != "provided":
		fmt.Fprintf(out, "The present price book (%s) would make it %s: the prices have changed since, or the rows that priced it aren't there.\n",
			book.Version(), amount(x))
	}
	return nil
}

func (r *Report) request() string {
	out := []string{r.Provider + "/" + r.Model}
	if r.RequestModel != "" && r.RequestModel != r.Model {
		out[0] += " (asked for " + r.RequestModel + ")"
	}
	for _, s := range []string{r.Operation, r.Kind, r.ServiceTier} {
		if s != "" {
			out = append(out, s)
		}
	}
	if r.FinishReason != "" {
		out = append(out, "finished: "+r.FinishReason)
	}
	if r.ErrorClass != "" {
		out = append(out, "failed: "+r.ErrorClass)
	}
	return strings.Join(out, ", ")
}

func (r *Report) sumOfParts() string {
	var out []string
	for _, p := range parts {
		if c, ok := r.Cost[p]; ok {
			out = append(out, p+" "+c)
		}
	}
	if len(out) < 2 {
		return ""
	}
	return " = " + strings.Join(out, " + ")
}

func amount(x pricing.Explanation) string {
	if x.Call.Unpriced != "" {
		return "unpriced (" + x.Call.Unpriced + ")"
	}
	return x.Total.Short() + " USD"
}

func numbers(m map[string]int64) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
