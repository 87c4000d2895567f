// Package ledger is the domain of Tollkeeper and its wire format: Call, Usage, Money, Tenant, and the CallBatch that
// travels through Kafka (calls.proto). It imports no system: no collector, no Kafka, no database.
//
// Data comes in as what one span says of one call to a model (collector/genai and pricing fill a Call) and goes out as
// bytes of a CallBatch, or as the columns that ingest writes. Nothing here rounds, samples or guesses.
package ledger
