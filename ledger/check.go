package ledger

import (
	"fmt"
	"math"
	"time"
)

// check reports what no collector writes and no column can hold: a call with it is not a call. Without this check one bad
// record would make every insert of its batch fail, for ever.
func (c *Call) check() error {
	if c.Minute < 0 || c.Minute > math.MaxUint32 || c.Minute%60 != 0 {
		return fmt.Errorf("minute %d is not the start of a minute between 1970 and 2106", c.Minute)
	}
	if c.Role > RoleWrapper {
		return fmt.Errorf("role %d is unknown", c.Role)
	}
	for _, f := range [...]struct {
		name  string
		value int64
	}{
		{"duration", c.Duration}, {"first_token", c.FirstToken}, {"request_bytes", c.RequestBytes},
		{"response_bytes", c.ResponseBytes},
	} {
		if f.value < 0 {
			return fmt.Errorf("%s %d is negative", f.name, f.value)
		}
	}
	if c.Received < 0 || c.Received > maxReceived {
		return fmt.Errorf("received %d is outside 1970 to 2262", c.Received)
	}
	for i, n := range c.Usage.Tokens {
		if n < 0 {
			return fmt.Errorf("%s %d is negative", Bucket(i), n)
		}
	}
	for i, n := range c.Usage.Units {
		if n < 0 {
			return fmt.Errorf("unit %s %d is negative", Unit(i), n)
		}
	}
	for _, m := range c.Cost {
		if m > MaxMoney || m < -MaxMoney {
			return fmt.Errorf("a cost of %s USD: %w", m, ErrOverflow)
		}
	}
	for _, m := range [...]Money{c.TotalCost(), c.ListDelta, c.CacheSaved, c.TierSaved, c.ProvidedCost} {
		if m > MaxMoney || m < -MaxMoney {
			return fmt.Errorf("an amount of %s USD: %w", m, ErrOverflow)
		}
	}
	return nil
}

// maxReceived is the last nanosecond that a DateTime64(3) shows as it was written.
const maxReceived = int64(math.MaxInt64) - int64(time.Second)
