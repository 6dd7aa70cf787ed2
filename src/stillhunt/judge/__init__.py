"""Groups → campaigns, each with its claim: linked, jointly operated, disguised; at a stated rate of error."""
