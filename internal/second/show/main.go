// Command second-opinion prints where the price book and the catalogues that others keep disagree, whose side the book takes and why.
// It exits with 1 when a disagreement isn't listed in internal/second/testdata/disagreements.yaml. `make second-opinion` runs it.
//
//	second-opinion [--json]
//	second-opinion --update FACTS    writes the testdata from the folder of facts (make catalogue)
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/tollkeeper/tollkeeper/internal/second"
	"github.com/tollkeeper/tollkeeper/pricing"
)

const testdata = "internal/second/testdata" // below the root of the repository

func main() {
	asJSON := flag.Bool("json", false, "one JSON object per row")
	update := flag.String("update", "", "write the testdata from this folder of facts")
	flag.Parse()
	if err := run(*asJSON, *update); err != nil {
		fmt.Fprintln(os.Stderr, "second-opinion:", err)
		os.Exit(1)
	}
}

func run(asJSON bool, update string) error {
	book, err := pricing.Builtin()
	if err != nil {
		return err
	}
	if update != "" {
		return second.Update(book, update, testdata)
	}
	o, err := second.Compare(book)
	if err != nil {
		return err
	}
	return o.Write(os.Stdout, asJSON)
}
