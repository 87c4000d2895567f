package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const cents = -2 // Anthropic's amounts are decimals of cents

// anthropicCounts is the usage of a result or a row.
type anthropicCounts struct {
	Uncached  *int64 `json:"uncached_input_tokens"`
	CacheRead int64  `json:"cache_read_input_tokens"`
	Output    int64  `json:"output_tokens"`
	Creation  struct {
		OneHour int64 `json:"ephemeral_1h_input_tokens"`
		FiveMin int64 `json:"ephemeral_5m_input_tokens"`
	} `json:"cache_creation"`
}

func (n anthropicCounts) usage(day time.Time, model, tier *string) Usage {
	u := Usage{Day: day, Model: text(model), Tier: text(tier)}
	u.Tokens[ledger.FreshInput], u.Tokens[ledger.CacheRead], u.Tokens[ledger.TextOutput] = *n.Uncached, n.CacheRead, n.Output
	u.Tokens[ledger.CacheWrite5m], u.Tokens[ledger.CacheWrite1h] = n.Creation.FiveMin, n.Creation.OneHour
	return u
}

// anthropicResult reads a result of cost_report or usage_report/messages, which Anthropic calls legacy since October 2026.
func (s *Statement) anthropicResult(day time.Time, raw json.RawMessage) (string, error) {
	var r struct {
		Amount      *string `json:"amount"`
		Currency    string  `json:"currency"`
		Description *string `json:"description"`
		CostType    *string `json:"cost_type"`
		TokenType   *string `json:"token_type"`
		Model       *string `json:"model"`
		ServiceTier *string `json:"service_tier"`
		anthropicCounts
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	switch {
	case r.Amount != nil:
		if !strings.EqualFold(r.Currency, "usd") {
			return "", fmt.Errorf("currency %q: %w", r.Currency, errCurrency)
		}
		c := Charge{Day: day, Model: text(r.Model), Item: or(text(r.TokenType), text(r.Description), text(r.CostType))}
		return "Anthropic cost API", s.charge(c, *r.Amount, cents)
	case r.Uncached != nil:
		return "Anthropic usage API", s.use(r.usage(day, r.Model, r.ServiceTier))
	}
	return "", errors.New("neither an amount nor uncached_input_tokens: no result of the cost or usage report")
}

// analyticsRow is what a row of analytics/cost or analytics/usage has beside its time.
type analyticsRow struct {
	Group struct {
		Model       *string `json:"model"`
		ServiceTier *string `json:"service_tier"`
		CostType    *string `json:"cost_type"`
		TokenType   *string `json:"token_type"`
		Product     *string `json:"product"`
		RBACGroup   *string `json:"rbac_group_id"`
	} `json:"group"`
	Usage *anthropicCounts `json:"usage"`
	Cost  *struct {
		Amount   *string `json:"amount"` // after discounts, before credits
		Currency string  `json:"currency"`
	} `json:"cost"`
}

func (r analyticsRow) told() bool { return r.Usage != nil || r.Cost != nil }

func (s *Statement) analytics(day time.Time, r analyticsRow) (string, error) {
	g := r.Group
	switch {
	case g.RBACGroup != nil:
		return "", errors.New("rows by rbac_group_id: what somebody of several groups spent may be in several rows; ask without it")
	case r.Cost != nil && r.Cost.Amount == nil:
		return "", errors.New("cost with no amount")
	case r.Cost != nil && !strings.EqualFold(r.Cost.Currency, "usd"):
		return "", fmt.Errorf("a row in %q: %w", r.Cost.Currency, errCurrency)
	case r.Cost != nil:
		c := Charge{Day: day, Model: text(g.Model), Item: or(text(g.TokenType), text(g.CostType), text(g.Product))}
		return "Anthropic analytics cost API", s.charge(c, *r.Cost.Amount, cents)
	case r.Usage.Uncached == nil:
		return "", errors.New("usage with no uncached_input_tokens")
	}
	return "Anthropic analytics usage API", s.use(r.Usage.usage(day, g.Model, g.ServiceTier))
}
