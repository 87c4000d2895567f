// Package scenarios measures the alerts' detectors on series that are made up but hard: seasons, weekends, month ends, a
// deployment that doubles the cost for good, drift, one huge call, sparse and bursty tenants, clocks that change, missing
// and late data, a spend that flaps. It runs the product's own evaluation over an alerts.Tape with a clock of its own, so a
// month takes seconds, and says how many injected spikes were found, how soon, and how often nobody should have been woken.
package scenarios
