package reconcile

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/pricing"
)

// names finds the model that a name on a bill or in the ledger stands for, by the price book's rules.
type names struct {
	book     *pricing.Book
	provider string
	known    map[string]string
}

// of is the book's name, or the name itself in lower case where the book has none.
func (n *names) of(model string) string {
	if have, ok := n.known[model]; ok {
		return have
	}
	found, ok := n.find(model)
	if !ok {
		found = strings.ToLower(strings.TrimSpace(model))
	}
	n.known[model] = found
	return found
}

func (n *names) find(model string) (string, bool) {
	if n.book == nil || model == "" {
		return "", false
	}
	for _, try := range spellings(model) {
		if found := n.book.Resolve(n.provider, try); len(found) > 0 {
			return found[0].Model, true
		}
	}
	return "", false
}

// spellings are the names that a name may stand for: consoles write "Claude Haiku 4.5" for claude-haiku-4-5, and
// "Claude Sonnet 3.5" for claude-3-5-sonnet.
func spellings(model string) []string {
	model = strings.ToLower(strings.TrimSpace(model))
	dashed := strings.Join(strings.Fields(model), "-")
	out := []string{model, dashed, strings.ReplaceAll(dashed, ".", "-")}
	if parts := strings.Fields(model); len(parts) == 3 {
		out = append(out, parts[0]+"-"+strings.ReplaceAll(parts[2], ".", "-")+"-"+parts[1], parts[0]+"-"+parts[2]+"-"+parts[1])
	}
	return out
}

// lineItem parts an item of OpenAI's costs, such as "gpt-4o-mini-2024-07-18, cached input", in a model and what was counted of it.
func (n *names) lineItem(item string) (model, what string, ok bool) {
	head, rest, comma := strings.Cut(item, ",")
	if found, known := n.find(head); known {
		return found, strings.ToLower(strings.TrimSpace(rest)), true
	}
	what = strings.ToLower(strings.TrimSpace(rest))
	if comma && (strings.Contains(what, "input") || strings.Contains(what, "output") || strings.Contains(what, "token")) {
		return n.of(head), what, true
	}
	return "", "", false
}
