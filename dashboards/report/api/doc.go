// Package api serves the numbers of the reports to programs: read-only HTTP, JSON, decimals as strings, in pages. A request
// carries a tenant's token and sees that tenant's rows, which the database sees to: each tenant is asked for over a
// connection that can read nothing else, so that a mistake in a query here shows no more.
//
// It refuses what it doesn't know: other parameters, other methods, ranges beyond two years. openapi.yaml describes it, and a
// test holds the two together.
package api
