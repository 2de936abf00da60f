"""The clips of a space in Milvus, a database of vectors that several programs and machines share."""
