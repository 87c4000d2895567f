package focus

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// good is a file of one usage row that breaks no rule.
func good() (header, fields []string) {
	row := map[string]string{
		"BilledCost": "1.50", "ContractedCost": "1.50", "EffectiveCost": "1.50", "ListCost": "2", "BillingAccountId": "org-1", "BillingCurrency": "USD",
		"BillingPeriodStart": "2026-11-01T00:00:00Z", "BillingPeriodEnd": "2026-12-01T00:00:00Z", "ChargePeriodStart": "2026-11-03T00:00:00Z",
		"ChargePeriodEnd": "2026-11-04T00:00:00Z", "ChargeCategory": "Usage", "ChargeDescription": "calls", "ChargeFrequency": "Usage-Based",
		"ConsumedQuantity": "3", "ConsumedUnit": "Requests", "PricingQuantity": "500", "PricingUnit": "1000 Tokens", "InvoiceIssuerName": "OpenAI",
		"ProviderName": "OpenAI", "PublisherName": "OpenAI", "ServiceCategory": "AI and Machine Learning", "ServiceName": "OpenAI API",
		"ServiceSubcategory": "Generative AI", "SkuId": "gpt", "SkuMeter": "Usage", "SubAccountId": "acme", "SubAccountName": "acme",
	}
	for _, name := range columns {
		header, fields = append(header, name), append(fields, row[name])
	}
	return append(header, "x_Model"), append(fields, "gpt")
}

func file(header []string, rows ...[]string) string {
	lines := []string{strings.Join(header, ",")}
	for _, r := range rows {
		lines = append(lines, `"`+strings.Join(r, `","`)+`"`)
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestAGoodFileIsValid(t *testing.T) {
	got, err := Validate(strings.NewReader(file(good())))
	require.NoError(t, err)
	require.Empty(t, got.Problems)
	require.True(t, got.Valid())
	require.Equal(t, 1, got.Rows)
}

func TestEveryBreachIsFound(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"BilledCost": ""}, "Billed Cost: BilledCost must not be null"},
		{map[string]string{"BilledCost": "$1.50"}, "BilledCost has to be a decimal"},
		{map[string]string{"BilledCost": "+1.5"}, "BilledCost has to be a decimal"},
		{map[string]string{"BilledCost": "1,5"}, "BilledCost has to be a decimal"},
		{map[string]string{"BilledCost": "35.2E+7"}, "BilledCost has to be a decimal"},
		{map[string]string{"BillingCurrency": "usd"}, "BillingCurrency has to be a currency"},
		{map[string]string{"BillingPeriodStart": "2026-11-01"}, "BillingPeriodStart has to be a datetime"},
		{map[string]string{"ChargePeriodEnd": "2026-11-03T00:00:00Z"}, "ChargePeriodStart has to be before ChargePeriodEnd"},
		{map[string]string{"ChargeCategory": "usage"}, "ChargeCategory has to be one of Usage, Purchase, Tax, Credit, Adjustment"},
		{map[string]string{"ChargeClass": "Refund"}, "ChargeClass has to be one of Correction"},
		{map[string]string{"ChargeCategory": "Purchase", "ConsumedQuantity": "", "ConsumedUnit": ""}, "ChargeFrequency has to be one of One-Time, Recurring when ChargeCategory is «Purchase»"},
		{map[string]string{"ChargeCategory": "Credit", "ConsumedQuantity": "", "ConsumedUnit": ""}, "ListCost has to equal BilledCost when ChargeCategory is «Credit» or «Adjustment» when ListUnitPrice is null"},
		{map[string]string{"ChargeCategory": "Tax"}, "ConsumedQuantity must be null unless ChargeCategory is «Usage»"},
		{map[string]string{"ConsumedUnit": ""}, "ConsumedUnit must not be null unless ConsumedQuantity is null"},
		{map[string]string{"PricingQuantity": "", "PricingUnit": ""}, "PricingQuantity must not be null when ChargeCategory is «Usage» or «Purchase» unless ChargeClass is «Correction»"},
		{map[string]string{"PricingUnit": "tokens"}, "SHOULD  FOCUS 1.2, Pricing Unit: PricingUnit has to be a unit"},
		{map[string]string{"ChargeDescription": ""}, "SHOULD  FOCUS 1.2, Charge Description"},
		{map[string]string{"ServiceCategory": "AI"}, "ServiceCategory has to be one of AI and Machine Learning"},
		{map[string]string{"SkuId": ""}, "SkuMeter must be null when SkuId is null"},
		{map[string]string{"SubAccountName": ""}, "SubAccountName must not be null"},
		{map[string]string{"ServiceSubcategory": "Containers"}, "ServiceSubcategory has to be one of AI Platforms"},
		{map[string]string{"ServiceCategory": "Compute"}, "ServiceSubcategory has to be one of Containers"},
		{map[string]string{"SkuMeter": "N/A"}, "SHOULD  FOCUS 1.2, Null Handling: SkuMeter must not stand for null by a word"},
	} {
		header, fields := good()
		for i, name := range header {
			if v, ok := c.set[name]; ok {
				fields[i] = v
			}
		}
		got, err := Validate(strings.NewReader(strings.ReplaceAll(file(header, fields), `""`, "")))
		require.NoError(t, err)
		var all []string
		for _, p := range got.Problems {
			all = append(all, p.String())
		}
		require.Contains(t, strings.Join(all, "\n"), c.want, "%v", c.set)
		require.Equal(t, strings.HasPrefix(c.want, "SHOULD"), got.Valid(), "%v: %v", c.set, all)
	}
}

// The columns that the specification's version 1.2 calls mandatory, each checked for and written, null only where it may be.
func TestMandatoryColumns(t *testing.T) {
	nullable := map[string]bool{"BillingAccountName": true, "ChargeClass": true, "ChargeDescription": true, "PricingQuantity": true, "PricingUnit": true}
	rules, err := Rules()
	require.NoError(t, err)
	has := func(column, check string) bool {
		return slices.ContainsFunc(rules, func(r Rule) bool {
			return r.Column == column && r.Check == check && !r.Should && len(r.When) == 0 && len(r.Unless) == 0
		})
	}
	for _, column := range []string{"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass",
		"ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName",
		"PublisherName", "ServiceCategory", "ServiceName"} {
		require.True(t, has(column, "present"), "%s is mandatory", column)
		require.Equal(t, !nullable[column], has(column, "not_null"), "%s, null", column)
		require.Contains(t, columns, column)
	}
}

func TestColumnsAndRelations(t *testing.T) {
	header, fields := good()
	for _, c := range []struct {
		header []string
		rows   [][]string
		want   string
	}{
		{append([]string{"x_First"}, header...), [][]string{append([]string{""}, fields...)}, "is in the wrong place"},
		{append([]string{"Cost"}, header...), [][]string{append([]string{"1"}, fields...)}, `is no column of the specification (a column that the specification doesn't define begins with x_): "Cost"`},
		{header[1:], [][]string{fields[1:]}, "BilledCost has to be a column of the file"},
		{append([]string{"ListUnitPrice"}, header...), [][]string{append([]string{"0.005"}, fields...)}, "ListCost has to be PricingQuantity × ListUnitPrice"},
		{append([]string{"Tags"}, header...), [][]string{append([]string{"[1]"}, fields...)}, "Tags has to be a json"},
	} {
		got, err := Validate(strings.NewReader(file(c.header, c.rows...)))
		require.NoError(t, err)
		require.Len(t, got.Problems, 1, "%v", got.Problems)
		require.Contains(t, got.Problems[0].String(), c.want)
	}
	other := append([]string{}, fields...)
	for i, name := range header {
		if name == "ServiceCategory" {
			other[i] = "Compute"
		}
	}
	got, err := Validate(strings.NewReader(file(header, fields, other, other)))
	require.NoError(t, err)
	require.Contains(t, got.Problems[0].String(), "ServiceName has more than one ServiceCategory (a service has one category), line 3: \"OpenAI API\" (and 1 more)")
	for _, bad := range []string{"", "a,b\n\"x"} {
		_, err := Validate(strings.NewReader(bad))
		require.Error(t, err)
	}
}

func TestKeyValues(t *testing.T) {
	for text, want := range map[string]bool{`{}`: true, `{"a":1,"b":"x","c":null,"d":true}`: true, `{"a":1,"a":2}`: false, `{"a":{}}`: false, `{"a":[1]}`: false,
		`[]`: false, `{"a":1}{}`: false, `{"a"`: false} {
		require.Equal(t, want, keyValues(text), text)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add(file(good()))
	f.Add("BilledCost\n1E999\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Validate(strings.NewReader(text))
		if err == nil && got.Rules == 0 {
			t.Fatal("checked nothing")
		}
	})
}
