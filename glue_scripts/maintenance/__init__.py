"""What a table needs once a day: fewer files, a past no longer than declared, nothing left over."""
