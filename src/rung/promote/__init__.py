"""What passed is shipped by proof: promotion by receipt, approval, rollback, and whether what is claimed holds."""
