-- Row keys that stand more than once in the target, on the days that changed.
SELECT ${row_key}, count(*) AS times
FROM ${target}
WHERE ${changed_days}
GROUP BY ${row_key}
HAVING count(*) > 1
LIMIT ${limit}
