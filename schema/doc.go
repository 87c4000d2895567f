// Package schema owns the database: DDL as versioned migrations, every query of the product as a .sql file, and the
// connection that runs them. Roles fetch their queries by name (SQL) and pass values as parameters; no role builds
// SQL text of its own.
package schema
