package focus

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
)

//go:embed providers.yaml
var providersText []byte

type provider struct{ Name, Service, Publisher string }

// ours is who issues what no provider does: adjustments that name none.
var ours = provider{Name: "Tollkeeper", Service: "Cost adjustments"}

// Options are what the ledger doesn't know.
type Options struct {
	Month    report.Period
	State    report.State
	Accounts map[string]string // provider's id → its billing account; without one, the provider's id
}

// The columns, those of the specification first, each part in alphabetical order.
var columns = []string{
	"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
	"ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
	"ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
	"ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SubAccountId", "SubAccountName",
}

var custom = []string{
	"x_AdjustmentAuthor", "x_AdjustmentEvidence", "x_AdjustmentId", "x_AdjustmentKind", "x_AtLeast", "x_Calls", "x_EstimatedCalls", "x_Model",
	"x_PeriodState", "x_ReservedCalls", "x_UnpricedCalls",
	"x_CostInput", "x_CostCacheRead", "x_CostCacheWrite", "x_CostOutput", "x_CostReasoning", "x_CostOther",
	"x_TokensFreshInput", "x_TokensCacheRead", "x_TokensCacheWrite5m", "x_TokensCacheWrite1h", "x_TokensAudioInput", "x_TokensImageInput",
	"x_TokensTextOutput", "x_TokensReasoning", "x_TokensAudioOutput",
}

var costColumns, tokenColumns = custom[11:17], custom[17:]

// Columns are the columns that Export writes, in order.
func Columns() []string { return slices.Concat(columns, custom) }

type row map[string]string

// Export writes a month's charges and the adjustments booked in it, and returns what BilledCost adds up to. The same input
// gives the same bytes.
func Export(out io.Writer, o Options, charges []report.Charge, adjustments []report.Adjustment) (report.Amount, error) {
	var sum report.Amount
	providers := map[string]provider{}
	if err := yaml.Unmarshal(providersText, &providers); err != nil {
		return sum, fmt.Errorf("read the names of providers: %w", err)
	}
	w := csv.NewWriter(out)
	names := Columns()
	_ = w.Write(names)
	write := func(r row) error {
		fields := make([]string, len(names))
		for i, name := range names {
			fields[i] = r[name]
		}
		return w.Write(fields)
	}
	for _, c := range charges {
		sum = sum.Plus(c.Cost)
		if err := write(o.usage(c, named(providers, c.Provider))); err != nil {
			return sum, err
		}
	}
	for _, a := range adjustments {
		sum = sum.Plus(a.Cost)
		if err := write(o.adjustment(a, named(providers, a.Provider))); err != nil {
			return sum, err
		}
	}
	w.Flush()
	return sum, w.Error()
}

func named(providers map[string]provider, id string) provider {
	if id == "" {
		return ours
	}
	p := providers[id]
	p.Name = or(p.Name, id)
	p.Service = or(p.Service, p.Name+" API")
	p.Publisher = or(p.Publisher, p.Name)
	return p
}

// base is what every row says.
func (o Options) base(id string, p provider, tenant string, cost, list report.Amount) row {
	return row{
		"BilledCost": cost.String(), "ContractedCost": cost.String(), "EffectiveCost": cost.String(), "ListCost": list.String(),
		"BillingAccountId": or(o.Accounts[id], id, ours.Name), "BillingCurrency": "USD", "BillingPeriodStart": instant(o.Month.From),
		"BillingPeriodEnd": instant(o.Month.To), "InvoiceIssuerName": p.Name, "ProviderName": p.Name, "PublisherName": or(p.Publisher, p.Name),
		"ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "ServiceName": p.Service,
		"SubAccountId": tenant, "SubAccountName": tenant, "x_PeriodState": string(o.State), "x_AtLeast": "false",
	}
}

// usage is a day of one model. The ledger's totals keep list prices per model, not per kind of token, so a row is a model; the
// kinds of token are custom columns.
func (o Options) usage(c report.Charge, p provider) row {
	r := o.base(c.Provider, p, c.Tenant, c.Cost, c.ListCost)
	var tokens uint64
	for i, n := range c.Tokens {
		tokens += n
		r[tokenColumns[i]] = strconv.FormatUint(n, 10)
	}
	for i, a := range c.Parts {
		r[costColumns[i]] = a.String()
	}
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	model := or(c.Model, "unknown model")
	text := fmt.Sprintf("%s calls of %s on %s, %s tokens", n(c.Calls), model, c.Day, n(tokens))
	if c.UnpricedCalls > 0 {
		text += fmt.Sprintf("; at least: %s calls have no price yet", n(c.UnpricedCalls))
	}
	maps.Copy(r, row{
		"ChargeCategory": "Usage", "ChargeDescription": text, "ChargeFrequency": "Usage-Based", "ChargePeriodStart": instant(c.Day.Time),
		"ChargePeriodEnd": instant(c.Day.AddDate(0, 0, 1)), "ConsumedQuantity": n(c.Calls), "ConsumedUnit": "Requests",
		"PricingQuantity": n(tokens), "PricingUnit": "Tokens", "SkuId": or(c.Provider, "unknown") + "/" + or(c.Model, "unknown"), "SkuMeter": "Model Usage",
		"x_AtLeast": strconv.FormatBool(c.UnpricedCalls > 0), "x_Calls": n(c.Calls), "x_EstimatedCalls": n(c.Estimated), "x_Model": c.Model,
		"x_ReservedCalls": n(c.Reserved), "x_UnpricedCalls": n(c.UnpricedCalls),
	})
	return r
}

// The categories of adjustments that an invoice gave; the others are Adjustment.
var categories = map[string]string{"tax": "Tax", "invoice_tax": "Tax", "credit": "Credit", "invoice_credit": "Credit"}

// adjustment is one booked amount. What corrects an earlier month is a Correction of that month, billed in this one.
func (o Options) adjustment(a report.Adjustment, p provider) row {
	r := o.base(a.Provider, p, a.Tenant, a.Cost, a.Cost)
	from, to := a.Original.Time, a.Original.AddDate(0, 0, 1)
	class := ""
	if a.Correction() {
		class = "Correction"
		from = time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
		to = from.AddDate(0, 1, 0)
	}
	maps.Copy(r, row{
		"ChargeCategory": or(categories[a.Kind], "Adjustment"), "ChargeClass": class, "ChargeDescription": or(a.Kind+": "+a.Reason, a.Kind),
		"ChargeFrequency": "One-Time", "ChargePeriodStart": instant(from), "ChargePeriodEnd": instant(to),
		"x_AdjustmentAuthor": a.Author, "x_AdjustmentEvidence": a.Evidence, "x_AdjustmentId": a.ID, "x_AdjustmentKind": a.Kind,
		"x_Calls": strconv.FormatInt(a.Calls, 10), "x_Model": a.Model,
	})
	return r
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func or(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
