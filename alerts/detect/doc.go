// Package detect decides: pure functions from amounts, histories and a time to a finding. It reads no clock, no database
// and no configuration, so that what watches live, what replays history, and what the scenarios measure is one thing.
//
// Money goes in as exact sums and is compared by cross-multiplication; there is no float in this package. What a finding
// says is whether the condition holds, whether it is clearly over, and the amounts that were compared.
package detect
