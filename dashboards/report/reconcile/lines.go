package reconcile

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// toolsItem is searches, code runs and whatever else isn't for a model's tokens.
const toolsItem = "tools"

// charges puts the bill's lines in cells, and those of no usage in parts. tools says whether there are lines for tools.
func (c *comparison) charges(r *Result) (tools bool) {
	counted := map[*cell]bool{}
	for _, l := range c.statement.Charges {
		r.Invoice = r.Invoice.Plus(report.Amount{Sum: l.Amount})
		model, what, kind := c.tell(l)
		var cell *cell
		switch {
		case kind != usageLine:
			a := report.Amount{Sum: l.Amount}
			if kind == Commitment { // one part, since what the price files reserve isn't told by lines of the bill
				c.part(kind, "", "", l.Item, l.Day, l.Amount)
			} else {
				c.part(kind, model, l.Item, "", l.Day, l.Amount)
			}
			r.Rows = append(r.Rows, Row{Day: report.Date{Time: l.Day}, Model: model, Item: l.Item, Invoice: a, Difference: a, Parts: map[Kind]report.Amount{kind: a}})
			continue
		case model == "" && !c.daysOnly:
			tools = true
			cell = c.at(l.Day, toolsItem, true)
			cell.notes[NotInstrumented] = join(cell.notes[NotInstrumented], l.Item)
		default:
			cell = c.at(l.Day, model, false)
		}
		cell.invoice = cell.invoice.Add(l.Amount)
		cell.lines++
		if c.statement.HasUsage {
			continue
		}
		if cell.item {
			continue
		}
		bucket, known := bucketOf(what)
		if told, seen := counted[cell]; !seen || told {
			counted[cell] = l.HasTokens && known
		}
		if l.HasTokens && known {
			cell.billed[bucket] += l.Tokens
		}
	}
	c.counted = len(counted) > 0
	for cell, told := range counted {
		c.counted = c.counted && told
		if cell.told = told; !told {
			cell.billed = Tokens{}
		}
	}
	return tools
}

// tell says what a line of a bill is: a model's, or of which kind.
func (c *comparison) tell(l Charge) (model, what string, kind Kind) {
	if l.Kind != "" && l.Kind != usageLine {
		return c.modelOf(l), "", l.Kind
	}
	if l.Model != "" {
		return c.names.of(l.Model), l.Item, usageLine
	}
	if model, what, ok := c.names.lineItem(l.Item); ok {
		return model, what, usageLine
	}
	for _, k := range c.kinds {
		if k.words != nil && l.Kind == "" && k.words.MatchString(l.Item) {
			return "", "", k.Kind
		}
	}
	if l.Amount.Sign() < 0 && l.Kind == "" && !c.daysOnly {
		return "", "", Credit
	}
	return "", "", usageLine
}

func (c *comparison) modelOf(l Charge) string {
	if l.Model == "" {
		return ""
	}
	return c.names.of(l.Model)
}

// bucketOf is what an item of OpenAI's costs counts.
func bucketOf(what string) (ledger.Bucket, bool) {
	switch strings.TrimSpace(strings.NewReplacer("_", " ", "tokens", "").Replace(what)) {
	case "input":
		return ledger.FreshInput, true
	case "cached input":
		return ledger.CacheRead, true
	case "cache write", "cache writes":
		return ledger.CacheWrite5m, true
	case "output":
		return ledger.TextOutput, true
	case "audio input":
		return ledger.AudioInput, true
	case "audio output":
		return ledger.AudioOutput, true
	case "image input":
		return ledger.ImageInput, true
	}
	return 0, false
}
