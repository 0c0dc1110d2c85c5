-- Rows in which a required column is null, on the days that changed or without a day.
SELECT ${required}
FROM ${target}
WHERE (${changed_days} OR ${partition} IS NULL) AND (${any_required_is_null})
LIMIT ${limit}
