// Package demo shows the product at work: simulated apps of several tenants call a gateway, behind it a mock model server
// bills them exactly, the apps' spans go through the whole product, one tenant runs away, the spike rule fires and
// throttles it, then another with the budget rule; at the end the model server's bill is held against the ledger.
//
// It owns the story (story.go), what is read from the product meanwhile (watch.go), the verdict (verdict.go) and the
// display. It doesn't start the product: the caller gives a StartProduct. It refuses to be lenient: a call or a 10⁻¹² USD
// of difference is an error. Data comes in from the model server's truth and the product's ClickHouse; out goes a Result.
package demo
