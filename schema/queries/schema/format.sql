SELECT arrayMap(s -> formatQuerySingleLine(s), {statements:Array(String)})
