package demo

// runawayPace is how many times its quiet pace a runaway tenant works at.
const runawayPace = 15
