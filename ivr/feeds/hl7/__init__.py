"""HL7 v2: SIU messages over MLLP. `mllp`, `message`, `mapping`, `rows` and `acks` are pure; `inbox` is the database,
`apply` imports what the inbox holds, and `receiver` is the network.
"""
