// Package focus writes a month as a FOCUS 1.2 dataset (FinOps Open Cost and Usage Specification) in CSV, and checks any
// such file against the specification's requirements, which are data in rules.yaml, each with the place it is from. Charges and
// adjustments come in; a null is an empty field.
package focus

// Version is the version of the specification that files are written in and checked against.
const Version = "1.2"
